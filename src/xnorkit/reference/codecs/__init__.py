"""Lossless codes of small integers: fields of a fixed width, gaps between the places of sparse weights, Huffman."""
