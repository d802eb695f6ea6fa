"""Update agents on the wire: messages in, activities driven, feedback out; and the commander of such agents."""
