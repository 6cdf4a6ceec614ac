"""The screens: one panel per step, the wizard around them, and the widgets they are made of."""
