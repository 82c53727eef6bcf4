//! What must not be forgotten: the evidence log, its index, the evidence files and the cursors.
