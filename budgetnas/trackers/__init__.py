"""Trackers of experiments that people have: TensorBoard, Weights & Biases, MLflow."""
