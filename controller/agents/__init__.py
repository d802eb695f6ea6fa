"""Update agents on the wire: messages in, activities driven, feedback out; and the other side, which commands them."""
