"""Ready-made spiders (images, pages, mirror, links), and those to build upon (crawl, sitemap, feed)."""
