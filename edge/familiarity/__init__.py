"""What a station knows: a memory of known pictures, and how far a picture is from all of them."""
