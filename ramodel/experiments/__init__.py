"""One cell = train + measure + confront; the store; the main job."""
