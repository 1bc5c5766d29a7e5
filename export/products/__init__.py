"""Products: what a product is, and a folder of choices for each one."""
