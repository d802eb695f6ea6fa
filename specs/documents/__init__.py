"""What people write: kinds of documents, from bytes to normal form."""
