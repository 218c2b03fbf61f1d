/// A library with one function: what loading any library costs.
int samepage_tests_empty(void);
int samepage_tests_empty(void) { return 0; }
