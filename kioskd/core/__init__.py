"""The pure part of the house: values in, values out. Time, chance and bytes come in from outside."""
