"""What several methods use: training, losses (MMD, contrast, adversary), calibration, class shares."""
