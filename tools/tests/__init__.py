"""Tests of the tools that release a version."""
