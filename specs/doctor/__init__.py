"""The nouns of the doctor: findings about the device, and the report of all of them."""
