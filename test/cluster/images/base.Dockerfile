FROM scratch
ADD base.tar /
CMD ["bash"]
