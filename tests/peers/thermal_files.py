"""°C of every pixel of a thermal imager's file, as flyr reckons them, or by the maker's scale of 0.04 K a count.

thermal_files.py FILE OUT: prints the pixels across, writes 32-bit floats, low byte first. Exit status 3: no flyr here.
"""

import sys

try:
    import flyr
    import numpy
    from PIL import Image
except ImportError:
    sys.exit(3)

file, out = sys.argv[1:]
if file.endswith(".tiff"):
    celsius = numpy.asarray(Image.open(file)).astype(float) * 0.04 - 273.15
else:
    celsius = flyr.unpack(file).celsius
numpy.asarray(celsius).astype("<f4").tofile(out)
print(celsius.shape[1])
