/* An extension module that has nothing in it: what any import of one costs. */
#include <Python.h>

static struct PyModuleDef empty = {PyModuleDef_HEAD_INIT, "empty", NULL, 0, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_empty(void)
{
    return PyModuleDef_Init(&empty);
}
