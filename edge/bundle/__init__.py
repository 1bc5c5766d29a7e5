"""Opens bundles and archives and checks the headers of their files; loads no model. All rooms above and `export` come in."""
