/* An extension module without content, to measure what any import costs. */
#include <Python.h>

static struct PyModuleDef empty = {PyModuleDef_HEAD_INIT, .m_name = "empty"};

PyMODINIT_FUNC PyInit_empty(void)
{
    return PyModuleDef_Init(&empty);
}
