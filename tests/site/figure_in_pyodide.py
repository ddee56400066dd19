"""Draw a figure of the book as the site draws it, and print it."""

from paramlab import plots
from paramlab.plots import chapter_01

plots.setup()
figure, _ = chapter_01.squares({"GPT-2 small": 124_439_808, "GPT-2 XL": 1_557_611_200})
print(plots.in_two_widths(figure))
