"""One picture to one inspection: the inspector, the policy that decides, and the golden pictures that prove a bundle."""
