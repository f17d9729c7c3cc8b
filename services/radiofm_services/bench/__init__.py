"""Speed of the services as ratios against named rivals, measured in one run."""
