"""The data set that ships inside scikit-learn: its name in params.yaml, and the file that it comes in."""

NAME = "digits"  # UCI digits: 1797 images of 8x8 pixels
FILE = "digits.csv.gz"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
