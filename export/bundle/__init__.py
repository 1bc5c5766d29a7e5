"""Whole bundles: plan, build, proof, signature, licences."""
