"""What stands behind the page, without gradio and without HTML."""
