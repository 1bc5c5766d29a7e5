"""Drawing inspections as pictures with OpenCV: the sheet with its colours, and the contact sheet. Demo, review and studies come in."""
