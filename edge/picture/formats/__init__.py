"""Picture file formats: which are read, and what each file's own structure must say before its pixels are believed."""
