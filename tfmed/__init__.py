"""tfmed: does an encoder pretrained without labels help when labels are scarce?"""

__version__ = "0.1.0"
