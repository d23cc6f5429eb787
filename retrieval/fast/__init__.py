"""Answering quickly.

A BERT model run by ONNX Runtime in float32, vectors on disk for every process, those of sentences
that are made with an index, and those of the built-in corpus that are shipped.
"""
