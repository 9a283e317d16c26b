{# Brian2's template of the same name but for its loop, which branches on every neuron: here the condition is evaluated
   for many neurons at once, and only then are those that fire picked out. The spikes and their order are the same. #}
{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    // scalar code
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}

    {% set _eventspace = get_array_name(eventspace_variable) %}
    const size_t _BLOCK = 512;
    alignas(64) char _fires[_BLOCK];
    long _count = 0;
    for(size_t _start=0; _start<N; _start+=_BLOCK)
    {
        const size_t _end = _start + _BLOCK < N ? _start + _BLOCK : N;
        for(size_t _idx=_start; _idx<_end; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            _fires[_idx - _start] = _cond ? 1 : 0;
        }
        std::memset(_fires + (_end - _start), 0, _BLOCK - (_end - _start));
        for(size_t _word=_start; _word<_end; _word+=64)
        {
            // One bit for each neuron: the product gathers the lowest bits of eight bytes in its highest byte.
            uint64_t _bits = 0;
            for(int _eight=0; _eight<8; _eight++)
            {
                uint64_t _bytes;
                std::memcpy(&_bytes, _fires + (_word - _start) + 8 * _eight, 8);
                _bits |= ((_bytes * 0x0102040810204080ull) >> 56) << (8 * _eight);
            }
            for(; _bits; _bits &= _bits - 1)
                {{_eventspace}}[_count++] = _word + __builtin_ctzll(_bits);
        }
    }
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
{% set _eventspace = get_array_name(eventspace_variable) %}
{{_eventspace}}[N] = 0;  // the array has N + 1 elements
{% endblock %}
