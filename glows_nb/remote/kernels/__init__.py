"""A notebook's own kernel on a machine: JupyterLab's menu, and the way between Jupyter and the keeper there."""
