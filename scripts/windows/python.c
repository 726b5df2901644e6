/* python.exe: hands its command line to the interpreter, which is all in the DLL beside it. */
#include <stdio.h>
#include <windows.h>

typedef int (*Main)(int, wchar_t **);

int wmain(int argc, wchar_t **argv)
{
    HMODULE python = LoadLibraryW(PYTHON_DLL);
    Main run = python ? (Main)(void *)GetProcAddress(python, "Py_Main") : NULL;
    if (!run) {
        fprintf(stderr, "cannot load %ls: error %lu\n", PYTHON_DLL, GetLastError());
        return 103;
    }
    return run(argc, argv);
}
