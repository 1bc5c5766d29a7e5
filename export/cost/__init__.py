"""What a box costs a plant in a year, beside the system of today: specification, arithmetic, ranges, page. Commands and reports come in."""
