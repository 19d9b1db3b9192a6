"""Files that hold arrays: archives, HDF5, pickles. None knows what its arrays mean."""
