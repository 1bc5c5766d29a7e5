"""What `kotoba-edge doctor` does: each part of a box tried, measured and advised on; only commands come in."""
