/* ucrtbase.dll: the complex functions of C99, which Wine 8 has only by name. The rest is Wine's, by the module definition.

   Windows passes a complex number as a structure of its two parts, and a long double is a double. */
#include <complex.h>

typedef struct { double real, imaginary; } Double;
typedef struct { float real, imaginary; } Float;

#define FROM(z) __builtin_complex((z).real, (z).imaginary)
#define DOUBLE(z) ((Double){creal(z), cimag(z)})
#define FLOAT(z) ((Float){crealf(z), cimagf(z)})

/* A complex function of a complex number, a real one of it, and a complex one of two. */
#define COMPLEX(name)                                                  \
    Double own_##name(Double z) { double complex w = name(FROM(z)); return DOUBLE(w); } \
    Double own_##name##l(Double z) { return own_##name(z); }           \
    Float own_##name##f(Float z) { float complex w = name##f(FROM(z)); return FLOAT(w); }
#define COMPLEX_TO_REAL(name)                                          \
    double own_##name(Double z) { return name(FROM(z)); }              \
    double own_##name##l(Double z) { return name(FROM(z)); }           \
    float own_##name##f(Float z) { return name##f(FROM(z)); }
#define COMPLEX_OF_TWO(name)                                           \
    Double own_##name(Double a, Double b) { double complex w = name(FROM(a), FROM(b)); return DOUBLE(w); } \
    Double own_##name##l(Double a, Double b) { return own_##name(a, b); } \
    Float own_##name##f(Float a, Float b) { float complex w = name##f(FROM(a), FROM(b)); return FLOAT(w); }

COMPLEX(cacos)
COMPLEX(cacosh)
COMPLEX(casin)
COMPLEX(casinh)
COMPLEX(catan)
COMPLEX(catanh)
COMPLEX(ccos)
COMPLEX(ccosh)
COMPLEX(cexp)
COMPLEX(clog)
COMPLEX(conj)
COMPLEX(cproj)
COMPLEX(csin)
COMPLEX(csinh)
COMPLEX(csqrt)
COMPLEX(ctan)
COMPLEX(ctanh)
COMPLEX_TO_REAL(cabs)
COMPLEX_TO_REAL(carg)
COMPLEX_TO_REAL(cimag)
COMPLEX_TO_REAL(creal)
COMPLEX_OF_TWO(cpow)
