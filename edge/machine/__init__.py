"""What the machine is and what it spends: processor, memory, cards, power mode, energy; for examinations."""
