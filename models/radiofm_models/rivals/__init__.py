"""What others would write with torch: contenders of `radiofm bench`."""
