"""The spool: verdicts on disk until every output has them, its damage and repair, and finding stored inspections again."""
