"""The explorer: one page that shows what a model learned, as a file, from this machine, or in a notebook."""

from distaff.explorer._bundle import Bundle
from distaff.explorer._export import PAGE, export, make_bundle, prepare, update_page
from distaff.explorer._hosts import explore, serve

__all__ = ["PAGE", "Bundle", "explore", "export", "make_bundle", "prepare", "serve", "update_page"]
