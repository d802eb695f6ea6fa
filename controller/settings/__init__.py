"""Reading the operator's settings, from a file of evenkeel's own or of Kanto's."""
