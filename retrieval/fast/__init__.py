"""Answering quickly.

A BERT model run by ONNX Runtime in float32, sentence vectors from the passage's own forward pass,
and the vectors of the built-in corpus that are shipped.
"""
