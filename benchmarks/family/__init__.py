"""What the family of autoencoders is worth, beside what else one would take."""
