"""How far people and the box agree about the same parts (attribute gage R&R): form, figures, page. For export/commands only."""
