"""Those of Scrapy's helpers that public spiders import."""
