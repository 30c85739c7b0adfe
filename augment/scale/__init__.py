"""The same rows as a server's, in bulk: a step of a data pipeline, and data sets on Ray and Spark.

Row addresses make it possible: each part of the output is a pure function of its plan, whoever makes it.
"""
