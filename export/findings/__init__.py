"""What a pilot found, as typed records and as pilot.json. Every room that measures or reports comes in."""
