package store_test

const crashEnv = "STORE_CRASH_DIR"

func crashChild() {}
