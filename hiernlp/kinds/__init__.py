"""Kinds of task, one file each: label space, head, loss, decoding, score and feedback of a kind meet only here."""
