"""Models of sites, and a crawl of them that fetches nothing."""
